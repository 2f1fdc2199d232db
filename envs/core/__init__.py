"""What all environments share: declared observation fields, wrappers and the conformance suite."""
