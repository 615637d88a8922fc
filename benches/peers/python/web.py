"""The same JSON answer from three web frameworks.

usage: web.py aiohttp|fastapi|fastapi-uvloop|flask
Says its address, then serves with one worker until it is killed.
"""

import socket
import sys

ANSWER = {"message": "Hello, World!"}


def listener():
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    sock.listen(1024)
    host, port = sock.getsockname()
    return sock, f"{host}:{port}"


def aiohttp():
    from aiohttp import web

    async def hello(_request):
        return web.json_response(ANSWER)

    app = web.Application()
    app.router.add_get("/", hello)
    sock, address = listener()
    print(address, flush=True)
    web.run_app(app, sock=sock, print=None, access_log=None)


def fastapi(loop):
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def hello():
        return ANSWER

    config = uvicorn.Config(app, loop=loop, log_level="warning", access_log=False)
    sock, address = listener()
    print(address, flush=True)
    uvicorn.Server(config).run(sockets=[sock])


def flask():
    import flask
    from gunicorn.app.base import BaseApplication

    app = flask.Flask(__name__)

    @app.get("/")
    def hello():
        return flask.jsonify(ANSWER)

    class Gunicorn(BaseApplication):
        def load_config(self):
            # Threads, because gunicorn's plain worker hangs up after each answer; and enough of
            # them that none of the load's connections has to wait for one.
            settings = {"workers": 1, "worker_class": "gthread", "threads": 64, "keepalive": 75}
            if "control_socket_disable" in self.cfg.settings:  # it would stand in the home folder
                settings["control_socket_disable"] = True
            sock, address = listener()
            print(address, flush=True)
            self.sock = sock
            self.cfg.set("bind", f"fd://{sock.fileno()}")
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self):
            return app

    Gunicorn().run()


kind = sys.argv[1]
if kind == "aiohttp":
    aiohttp()
elif kind == "flask":
    flask()
else:
    fastapi("uvloop" if kind == "fastapi-uvloop" else "asyncio")
