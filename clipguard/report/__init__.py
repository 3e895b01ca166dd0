"""What people read: one self-contained HTML document, and a short text. No torch is needed."""
