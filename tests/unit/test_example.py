"""inventories/example.py is the schema's manual: every key stands in it, and it is valid as it is."""

import ast
import re
import runpy
import types
from pathlib import Path
from typing import Annotated, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter
from support import write_private

from postwright.groups import problems
from postwright.inventory import project_of
from postwright.model import Address, Domain, Fleet, Host, Provider, SecretSource, TlsPolicy, Zone
from postwright.model.zones import KINDS
from postwright.wire import SSH_KEYS, HostData

EXAMPLE = Path(__file__).parents[2] / "inventories" / "example.py"
TEXT = EXAMPLE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def names():
    return runpy.run_path(str(EXAMPLE))


def models(annotation):
    """The models inside an annotation, such as Domain in tuple[Domain, ...]."""
    if isinstance(annotation, type) and not get_origin(annotation):
        return [annotation] if issubclass(annotation, BaseModel) else []
    inner = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return [found for part in inner for found in models(part)]


def under(annotation, value):
    """The mappings a value of that annotation holds for its models."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return under(get_args(annotation)[0], value)
    if origin in (Union, types.UnionType):
        return [value]
    if origin is dict:
        return list(value.values())
    return list(value) if origin is tuple else [value]


def missing(model, values, place, skip=()):
    """Key paths of the model that stand neither in the data nor in a comment of the example."""
    for name, field in model.model_fields.items():
        path = f"{place}.{name}"
        present = [value[name] for value in values if isinstance(value, dict) and name in value]
        if name not in skip and not present and not in_comment(name):
            yield path
        for inner in models(field.annotation):
            if inner in (SecretSource, Address) or not present:
                continue
            yield from missing(inner, [part for value in present for part in under(field.annotation, value)], path)


def in_comment(key):
    """Whether a comment or the docstring at the top shows the key as one."""
    said = TEXT.partition('"""\n\n')[0] + "\n".join(re.findall(r"#.*", TEXT))
    return f'"{key}":' in said


def test_every_key_of_a_fleet_stands_in_the_example(names):
    _, data = names["mail"]
    assert list(missing(Fleet, [data["mail_fleet"]], "mail_fleet", skip=("hosts",))) == []


def test_every_key_of_a_host_stands_in_the_example(names):
    ((_, data),) = names["mail_hosts"]
    assert list(missing(Host, [data["mail_host"]], "mail_host", skip=("name", "ssh"))) == []


@pytest.mark.parametrize("model", [SecretSource, Address])
def test_every_key_of_a_short_form_is_explained(model):
    assert [name for name in model.model_fields if not in_comment(name)] == []


def test_every_key_of_pyinfras_that_we_read_stands_in_the_example():
    assert [key for key in SSH_KEYS.values() if f'"{key}"' not in TEXT] == []


def test_a_key_that_is_missing_would_be_noticed(names):
    _, data = names["mail"]
    fleet = data["mail_fleet"] | {"keys": {"directory": "x"}}
    found = list(missing(Fleet, [fleet], "f", skip=("hosts",)))
    assert found[:2] == ["f.keys.passphrase", "f.keys.bits"]
    assert all(place.startswith("f.keys.") for place in found)


def test_the_example_is_valid_when_the_files_it_names_are_there(names, tmp_path):
    for name in ("mx1.example.com.crt", "mx1.example.com.key", "app.hash"):
        write_private(tmp_path / "secrets" / name, "x")
    (tmp_path / "inventories").mkdir()
    ((name, own),) = names["mail_hosts"]
    _, shared = names["mail"]
    made = project_of([HostData(name, {**own, **shared})], tmp_path / "inventories" / "example.py", problems(names))
    assert [domain.name for domain in made.fleet.domains] == ["example.com"]


def commented():
    """Every entry of a mapping that stands in a comment, as data: (key, value), or (None, item) of a list."""
    entry = r"^ *# [\"{].*,\n|^ *# \"\w+\": \{\n(?:^ *#     .*\n)+^ *# },\n"
    blocks = re.findall(entry, TEXT, flags=re.MULTILINE)
    for text in (re.sub(r"^ *# ?", "", block, flags=re.MULTILINE) for block in blocks):
        if text.startswith("{"):
            yield from ((None, item) for item in ast.literal_eval(f"[{text}]"))
        else:
            yield from ast.literal_eval(f"{{{text}}}").items()


def test_what_stands_in_comments_is_valid_too():
    """People take the # away and expect it to work."""
    seen = set()
    for key, value in commented():
        if key is None:
            (Address if "ip" in value else Zone).model_validate(value)
        elif key in Domain.model_fields:
            Domain.model_validate({"name": "example.com", key: value})
        elif key in Host.model_fields and isinstance(value, str):
            TypeAdapter(Host.model_fields[key].annotation).validate_python(value)
        elif key in Fleet.model_fields:
            TypeAdapter(Fleet.model_fields[key].annotation).validate_python(value)
        elif isinstance(value, dict) and "level" in value:
            TlsPolicy.model_validate(value)
        elif not key.startswith("ssh_"):
            TypeAdapter(Provider).validate_python(value)
            key = value["kind"]  # noqa: PLW2901
        seen.add(key)
    assert {"mta_sts", "delegated", "bimi", "parked", "certificate_authorities", "warmup", "pacing", None, *KINDS} - {
        "rfc2136"
    } <= seen


def test_the_example_shows_the_defaults(names):
    """Where a key has a default the example gives it, so that leaving it out changes nothing."""
    _, data = names["mail"]
    said = data["mail_fleet"]
    for part in ("resolver", "firewall", "policies"):
        model = type(Fleet.model_fields[part].default)
        assert model.model_validate(said[part]) == model(), part
