"""What is counted, for Prometheus and for the statistics of the Open Inference Protocol."""
