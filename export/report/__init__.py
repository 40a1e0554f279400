"""How good a trained model is, in the order in which a report is made:

from_weights.py   the command `python -m export.report`: weights and data to BUILD/NAME.report/
predictions.py    logits of a part of a data set
calibration.py    the temperature of the scores, and how far scores are from shares of right answers
measures.py       accuracy with its interval, each class, confusion matrix, confident mistakes: report.json
pictures.py       confusion matrix, learning curves, calibration and mistakes as SVG
page.py           report.html; write_report: all files
"""
