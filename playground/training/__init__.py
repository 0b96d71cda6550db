"""From pictures to a checkpoint: data, recipe, trainer, quality, card."""
