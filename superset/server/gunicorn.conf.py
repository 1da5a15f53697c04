"""How Superset is served; the command sets its address."""

from typing import Any

wsgi_app = "superset.app:create_app()"
workers = 2
worker_class = "patient.Worker"
threads = 16  # one viewer's questions take 14 of them at most
timeout = 120
keepalive = 60
preload_app = True
control_socket_disable = True  # it would be in the home of the person who starts it, for all that person's servers


def post_fork(server: Any, _worker: Any) -> None:
    """Let each worker open its own connections: those that the application opened before are shared by all."""
    import upkeep  # noqa: PLC0415 - the settings are read before Superset is
    from superset.extensions import db  # noqa: PLC0415 - in the worker, after the fork

    app = server.app.wsgi()
    with app.app_context():
        db.engine.dispose(close=False)
    upkeep.begin(app)
