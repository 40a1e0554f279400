"""Transfer: a trained network learns other classes, and a hybrid learns from it, on features computed once.

transfer.py         the command `python -m export.transfer`: baseline, hybrid, both exported, measured and compared
train_tail.py       the command `python -m export.transfer.train_tail`: one model from weights, with every option
tail_run.py         one run: from options, data and first weights to weights and their card
plan.py             how many views and epochs a number of images and a time ask for
split.py            a model cut into a frozen front and a trained tail
tail_weights.py     first weights of a tail from another file; distilled_tail.py: those that are shipped
view_store.py       room for features and teacher logits, in memory or in a file
views.py            what is in it: augmented views of the training images, seen through the front
tail_trainer.py     the loop: epochs over the views; tail_step.py: one update of the tail
comparison.py       two exported models on this machine: times in turns, the table, which to deploy
"""
