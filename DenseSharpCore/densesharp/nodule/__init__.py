"""From a click in a CT to a measured, judged nodule: the clinical chain."""
