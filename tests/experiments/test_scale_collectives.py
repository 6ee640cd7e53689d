"""The collectives that are read from the text of a compiled program."""

from experiments.scale.collectives import Collective, by_kind, collectives

PROGRAM = """
  %all-reduce.256 = s32[] all-reduce(%fusion), channel_id=1, to_apply=%region_60.60.clone
  %all-reduce.288 = (f32[128]{0}, /*index=1*/f32[128,7]{1,0}) all-reduce(%a, %b), channel_id=2
  %get-tuple-element.7596 = f32[128]{0} get-tuple-element(%all-reduce.288), index=0
  %all-gather.53 = bf16[64,384]{0,1} all-gather(%copy), channel_id=3, dimensions={1}
  ROOT %collective-permute-start.1 = (f32[1,32]{1,0}, f32[1,32]{1,0}) collective-permute-start(%x)
  %ynn_fusion.4 = f32[7,128]{1,0} fusion(%add, %all-gather.53), calls=%fused_computation.4
"""


def test_shapes_and_sizes():
    assert collectives(PROGRAM) == [
        Collective("all-reduce", ((),), 4),
        Collective("all-reduce", ((128,), (128, 7)), 4 * 128 * 8),
        Collective("all-gather", ((64, 384),), 2 * 64 * 384),
        Collective("collective-permute", ((1, 32), (1, 32)), 256),
    ]


def test_totals_by_kind():
    totals = by_kind(collectives(PROGRAM))
    assert list(totals) == ["all-gather", "all-reduce", "collective-permute"]
    assert totals["all-reduce"] == {"operations": 2, "arrays": 3, "bytes": 4100}
