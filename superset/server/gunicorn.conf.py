"""How Superset is served; where it listens stands in the command."""

from typing import Any

wsgi_app = "superset.app:create_app()"
workers = 2
worker_class = "patient.Worker"
threads = 16  # of which one viewer's questions take 14 at most
timeout = 120
keepalive = 60
preload_app = True
control_socket_disable = True  # it would lie in the home of whoever starts it, and be shared by all of that person's


def post_fork(server: Any, _worker: Any) -> None:
    """Let each worker open connections of its own: those that the application opened before are of all of them."""
    import upkeep  # noqa: PLC0415 - the settings are read before Superset is
    from superset.extensions import db  # noqa: PLC0415 - in the worker, after the fork

    app = server.app.wsgi()
    with app.app_context():
        db.engine.dispose(close=False)
    upkeep.begin(app)
