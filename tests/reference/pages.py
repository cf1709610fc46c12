"""Which pages of docs/reference there are, and what writes each."""

from __future__ import annotations

from collections.abc import Callable

from tests.reference import command_page, file_page, metric_page, python_page, setting_pages, trouble_page

PAGES: dict[str, Callable[[], str]] = {
    "settings.md": setting_pages.write_settings,
    "settings-data.md": setting_pages.write_data,
    "commands.md": command_page.write_commands,
    "python.md": python_page.write_python,
    "metrics.md": metric_page.write_metrics,
    "files.md": file_page.write_files,
    "troubleshooting.md": trouble_page.write_troubleshooting,
}
