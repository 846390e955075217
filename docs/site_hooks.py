"""Hooks of MkDocs: add the specifications to the site, and give links that leave `docs` a target.

In the checkout, links are relative paths, so they work on a code host. The site holds `docs` and `protocol/spec`; a
link to another file becomes a link to the project's host.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
SPECIFICATIONS = "protocol/spec"
SITE_FOLDER = "specification"
HOST = "https://lensmount.example/blob/main"
RELATIVE_LINK = re.compile(r"(?<=\]\()(?!https?://|#)([^)#\s]+)(?=[)#])")


def on_files(files: Files, config: Any) -> Files:
    """Adds each specification as a page."""
    for path in sorted((ROOT / SPECIFICATIONS).glob("*.md")):
        files.append(File.generated(config, f"{SITE_FOLDER}/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_unused: Any) -> str:
    """Returns the text of a page with links that are valid on the site."""
    here = posixpath.dirname(page.file.src_uri)
    source = SPECIFICATIONS if here == SITE_FOLDER else posixpath.join("docs", here)

    def site_target(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(source, match[1]))
        folder, _, name = target.rpartition("/")
        if folder == SPECIFICATIONS and name.endswith(".md"):
            return posixpath.relpath(f"{SITE_FOLDER}/{name}", here or ".")
        if target.startswith("docs/"):
            return posixpath.relpath(target.removeprefix("docs/"), here or ".")
        return f"{HOST}/{target}"

    return RELATIVE_LINK.sub(site_target, markdown)
