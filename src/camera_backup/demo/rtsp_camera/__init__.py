"""A real RTSP camera for the demo and the tests, as a program of its own.

It runs under the system's Python (`/usr/bin/python3 -m rtsp_camera`, started in the folder that holds this
package), because GStreamer's Python bindings come from Debian packages and not from PyPI. So nothing in here
imports `camera_backup`, and modules of this package import each other relatively.
"""
