from rlsuite.experiments.words import counted, table_in_markdown


def test_one_is_one_and_more_are_many():
    assert [counted(number, "seed") for number in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]
    assert counted(2, "process", "processes") == "2 processes"


def test_a_cell_keeps_to_itself_whatever_is_in_it():
    table = table_in_markdown(["", "a|b"], [["c", "1"], ["d", ""]])
    assert table == "| | a\\|b |\n|---|---|\n| c | 1 |\n| d | |"
