"""How the page looks: one accent, quiet greys, the reader's own fonts, contrast AA in light and dark."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

CSS = Path(__file__).with_suffix(".css")

_SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Noto Sans Mono", "monospace")

THEME = gr.themes.Base(
    primary_hue="teal",
    neutral_hue="stone",
    font=_SANS,
    font_mono=_MONO,
    radius_size="sm",
    spacing_size="md",
    text_size="md",
).set(
    # Gradio's own subdued text and orange buttons fall short of AA.
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    body_background_fill="*neutral_50",
    body_background_fill_dark="#141312",
    background_fill_primary_dark="#141312",
    background_fill_secondary="white",
    background_fill_secondary_dark="#1d1b1a",
    color_accent="*primary_700",
    block_background_fill="transparent",
    block_background_fill_dark="transparent",
    block_border_width="0px",
    block_border_width_dark="0px",
    block_shadow="none",
    block_padding="0px",
    block_label_background_fill="transparent",
    block_label_background_fill_dark="transparent",
    block_label_text_color="*neutral_700",
    block_label_text_color_dark="*neutral_300",
    block_title_text_color="*neutral_700",
    block_title_text_color_dark="*neutral_300",
    block_title_text_weight="500",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_400",
    panel_background_fill="transparent",
    panel_border_width="0px",
    input_background_fill="white",
    input_background_fill_dark="#1d1b1a",
    input_border_width="1px",
    input_border_color="*neutral_300",
    input_border_color_dark="*neutral_600",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
    slider_color="*primary_700",
    slider_color_dark="*primary_400",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_hover_dark="*primary_600",
    button_primary_border_color="*primary_700",
    button_primary_text_color="white",
    button_secondary_background_fill="white",
    button_secondary_background_fill_dark="#262422",
    button_secondary_border_color="*neutral_300",
    button_secondary_border_color_dark="*neutral_600",
    button_border_width="1px",
    button_large_text_size="*text_md",
    button_large_text_weight="550",
    button_large_padding="9px 16px",
    button_small_text_weight="500",
    checkbox_border_color="*neutral_400",
    checkbox_border_color_dark="*neutral_500",
    checkbox_label_background_fill="transparent",
    checkbox_label_background_fill_dark="transparent",
    checkbox_label_border_width="0px",
    link_text_color="*primary_700",
    link_text_color_dark="*primary_300",
)
