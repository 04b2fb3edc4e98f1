"""Cloud Window (云窗口): a video service window for city government."""

__version__ = "0.1.0"
