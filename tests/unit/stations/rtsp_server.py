"""An RTSP server for the tests, run by the Python that GStreamer's bindings belong to: rtsp_server.py FILE PORT [USER:PASSWORD].

Serves FILE (H.264 and PCM in Matroska) as /line, and /silent without its sound. Says "ready", and "client" for each that connects.
Ends when its standard input does, so that it never outlives the test.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURES = "filesrc location={file} ! matroskademux name=file file.video_0 ! queue ! rtph264pay name=pay0 pt=96 config-interval=-1 "
SOUND = "file.audio_0 ! queue ! audioconvert ! alawenc ! rtppcmapay perfect-rtptime=false name=pay1 pt=8"


def main(file, port, login=""):
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    server.connect("client-connected", lambda *_: print("client", flush=True))
    if login:
        server.set_auth(authority(login))
    for path, launch in (("/line", PICTURES + SOUND), ("/silent", PICTURES)):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {launch.format(file=file)} )")
        factory.set_shared(True)
        if login:
            allow(factory, login)
        server.get_mount_points().add_factory(path, factory)
    server.attach(None)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, lambda *_: loop.quit())
    print("ready", flush=True)
    loop.run()


def authority(login):
    user, password = login.split(":")
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", user)
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    return auth


def allow(factory, login):
    permissions = GstRtspServer.RTSPPermissions()
    role = login.split(":")[0]
    permissions.add_permission_for_role(role, "media.factory.access", True)
    permissions.add_permission_for_role(role, "media.factory.construct", True)
    factory.set_permissions(permissions)


main(*sys.argv[1:])
