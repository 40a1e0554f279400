"""Where the program nginx is, and what it needs around a configuration of ours."""

from __future__ import annotations

import os
import shutil

# What Debian's nginx.conf has around it, with every path in a folder of our own.
AROUND = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{
    log_format asked '$msec $request_time $status $body_bytes_sent/$sent_http_content_length '
        '$upstream_addr|$upstream_status';
    access_log {folder}/access asked;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/classifiers.conf;
}}
"""


def find_nginx() -> str:
    """The program's path, which for users other than root is not on PATH. Raises SystemExit where it is missing."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise SystemExit("nginx is not installed: apt install nginx")
    return found
