"""Templates and the filters they know: for pages, and for reports."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.views import text

TEMPLATES_FOLDER = Path(__file__).parent.parent / "templates"

environment = Environment(
    loader=FileSystemLoader(TEMPLATES_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters |= {
    "address": text.address,
    "after": text.address_after,
    "count": text.count,
    "plural": text.plural,
    "size": text.size,
    "pages": text.pages,
    "time": text.time,
    "duration": text.duration,
    "rate": text.rate,
    "wall_time": text.wall_time,
}
environment.globals["lost"] = text.lost


def markup(template: str, **context: object) -> str:
    return environment.get_template(template).render(context)
