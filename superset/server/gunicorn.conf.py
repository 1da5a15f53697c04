"""How Superset is served; where it listens stands in the command."""

wsgi_app = "superset.app:create_app()"
workers = 2
worker_class = "gthread"
threads = 8
timeout = 120
keepalive = 60
preload_app = True
control_socket_disable = True  # it would lie in the home of whoever starts it, and be shared by all of that person's
