"""Where footage comes from: one module per kind of camera."""
