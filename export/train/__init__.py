"""Training, in the order of a run:

train_one.py      the command `python -m export.train`: from options and images to weights and their card
options.py        every option, with its default and help; argument_types.py: numbers within limits
describe_data.py  what is said before a run starts; time_estimate.py: how long it will take
kernels.py        what runs the FWHT layers, for the user to see
batches.py        normalised batches of the training images, and the held-out part of them
trainer.py        the loop: epochs, the choice of the best one, saving and stopping
training_step.py  one update of the weights: augment.py, loss.py, optimizer.py, schedule.py, initialisation.py;
                  soft_thresholds.py; depthwise.py; cuda_graph_step.py records it as a CUDA graph
evaluation.py     the end: accuracy, calibration, card, report
state.py          what a run keeps on disk; stop_signals.py: Ctrl-C, SIGTERM and the time limit
train_all.py      the command `python -m export.train.train_all`: every model with one recipe
"""
