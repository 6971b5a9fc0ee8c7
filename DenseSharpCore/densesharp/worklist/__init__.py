"""Many CTs to be read one after the other: where the list comes from, and how far it is."""

from densesharp.worklist.cases import ListedCase
from densesharp.worklist.readings import CaseState, CaseStates
from densesharp.worklist.sources import open_worklist

__all__ = ["CaseState", "CaseStates", "ListedCase", "open_worklist"]
