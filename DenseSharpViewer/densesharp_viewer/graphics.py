"""Finds a graphics library before VTK does: without one VTK ends the process without a word."""

import ctypes
import os
import sys

from densesharp.errors import DeviceError

_SURFACELESS = 0x31DD
"""EGL_PLATFORM_SURFACELESS_MESA of the EGL registry: rendering without any screen."""

_CHOICE = "VTK_DEFAULT_OPENGL_WINDOW"


def prepare_graphics() -> None:
    """Choose how VTK draws without a screen; call before the first import of vtk.

    Raises:
        DeviceError: no library can draw; the message names the package to install.
    """
    if not sys.platform.startswith("linux") or os.environ.get(_CHOICE):
        return
    if egl_works():
        os.environ[_CHOICE] = "vtkEGLRenderWindow"
    elif _loads("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"):
        os.environ[_CHOICE] = "vtkOSOpenGLRenderWindow"
    else:
        raise DeviceError(
            "No OpenGL library was found, so nothing can be drawn: install one, on Debian and "
            "Ubuntu with 'apt-get install libegl1 libgl1-mesa-dri'."
        )


def egl_works() -> bool:
    """Whether EGL opens a display that needs no screen."""
    try:
        egl = ctypes.CDLL("libEGL.so.1")
        egl.eglGetPlatformDisplay.restype = ctypes.c_void_p
        egl.eglGetPlatformDisplay.argtypes = [ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
        egl.eglInitialize.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        display = egl.eglGetPlatformDisplay(_SURFACELESS, None, None)
        return bool(display) and bool(egl.eglInitialize(display, None, None))
    except (OSError, AttributeError):
        return False


def _loads(*names: str) -> bool:
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False
