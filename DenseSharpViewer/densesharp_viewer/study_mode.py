"""Study mode of the viewer: `densesharp study read` opens it for one reader of one study.

The same views and the same guard as the viewer, another page. No model is loaded here: what an
aided reading shows was computed before the study and is read from the study's folder when the
design allows it.
"""

import asyncio

from densesharp.study.conduct.reading_session import Reading

from .graphics import prepare_graphics
from .page_app import LOCAL, PageApp


def serve(reading: Reading, *, port: int = 0, open_browser: bool = True, host: str = LOCAL) -> None:
    """Serve the reading page until the process is interrupted.

    Args:
        reading: the reader's reading.
        port: to listen on; 0 takes a free one.
        open_browser: whether to open the page.
        host: address to listen on; anything but this computer needs a proxy with a log-in.

    Raises:
        DeviceError: nothing can draw, or the address cannot be used.
    """
    prepare_graphics()
    StudyApp(reading, host, port).run(open_browser)


class StudyApp(PageApp):
    """The page around one `StudyViewer`."""

    def __init__(self, reading: Reading, host: str = LOCAL, port: int = 0) -> None:
        from .page import decorate_view
        from .study_actions import StudyActions
        from .study_page import build_study_page
        from .study_viewer import StudyViewer

        super().__init__("densesharp-study", "DenseSharp study", host, port)
        self.viewer = StudyViewer(self.server, reading, decorate_view)
        self.actions = StudyActions(self.viewer)
        self.on_trigger(self.actions.run)
        build_study_page(self.server, self.viewer.layout_manager)

    def ready(self, loop: asyncio.AbstractEventLoop) -> None:
        """Show the first case."""
        self.viewer.attach(loop)

    def close(self) -> None:
        """Keep what was begun."""
        self.viewer.close()
