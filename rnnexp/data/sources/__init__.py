"""The shipped sources: a module is named as the one in it, or stands here with those that it holds."""

SEVERAL = {
    "labeled_texts": ("text_files", "text_lines", "text_table"),
    "simulated": ("share_price", "weather"),
    "synthetic": ("adding", "mackey_glass", "ramp", "random", "reverse_digits", "sine", "values"),
}
