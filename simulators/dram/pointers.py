"""Arrays without bounds, shape and owner, for the inside of kernels.

Numba counts references to an array at every call, even a merged one, with atomic instructions that
cost more than the work of a short function, and checks every index for a negative value. A pointer
has neither cost. It is valid only while its array is referenced elsewhere.
"""

from __future__ import annotations

from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["pointer"]

# Numba's type information is partial, and differs between its versions.
_TYPES: Any = types
_CGUTILS: Any = cgutils
_INTRINSIC: Any = intrinsic


def _pointer(typingctx: Any, array: Any) -> Any:
    """Type and generate the code of `pointer`."""
    result = _TYPES.CPointer(array.dtype)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        structure = _CGUTILS.create_struct_proxy(array)(context, builder, value=args[0])
        return structure.data

    return result(array), codegen


pointer: Any = _INTRINSIC(_pointer)
"""``pointer(array)``: to the first element of a contiguous array; elements go row after row."""
