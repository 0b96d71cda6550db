"""Denoising diffusion as something to see and touch. The map:

    errors  knobs  report  images        ground: one exception, one knob, one table, pictures in and out
    schedules → predictions → samplers   the paper: the noise axis, what is believed at a level, from noise to data
    theory                               closed forms: exact denoisers, points in the plane, the bound
    models → checkpoints                 nets, how they run on this machine, how they are read and written
    engine                               everybody's denoising steps in one batch
    runs                                 settings → lanes → frames → receipts; what each tab makes; no Gradio
    training                             data → recipe → trainer → quality → card
    lessons                              one file a lesson: text with a typed header
    page                                 Gradio: tabs, parts, widgets, endpoints, translations
    bench                                how fast
    train  autoencode  distil  evaluate  command lines, and nothing else

A wing imports itself and what stands on lower floors, never sideways and never up; tests/test_layout.py has the floors
and holds the rule. Gradio is known in `page` alone (and in bench/plain.py, which measures it), every import is written
in full (`from playground.x import y`), and inside `page` tabs import parts, parts import widgets, endpoints and
controls, and no tab imports another.
"""
