"""Exceptions: one class a code of CmErrorCode, made from the library's own names: io -> IoError, format -> FormatError, …"""


class CormackError(Exception):
    """What Cormack refuses. str() is one line: «context: context: what is wrong; what to do»."""

    code = ""

    @property
    def text(self):
        return str(self)

    @property
    def chain(self):
        """The contexts, outermost first, and last what is wrong with what to do."""
        return str(self).split(": ")


by_code = {}
# Where Python has a word for it, `except ValueError` and the like work, too.
_BUILTIN = {"parameter": ValueError, "usage": ValueError, "io": OSError, "missing": (FileNotFoundError, LookupError), "memory": MemoryError}


def define(name_of):
    """Makes the classes; name_of(code) is "none" behind the last code."""
    code = 1
    while (name := name_of(code)) != "none":
        also = _BUILTIN.get(name, ())
        bases = (CormackError, *(also if isinstance(also, tuple) else (also,)))
        made = type(name.capitalize() + "Error", bases, {"code": name, "__module__": "cormack.errors", "__str__": Exception.__str__})
        by_code[name] = globals()[made.__name__] = made
        code += 1
