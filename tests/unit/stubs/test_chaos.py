import pytest

from sandbox.stubs import ChaosRule, answer, drop
from sandbox.stubs.chaos import Chaos
from tests.unit.stubs.world import World

CREATE = "twilio.messages.create"
RULES = (ChaosRule(CREATE, answer(500), 0.2), ChaosRule(CREATE, drop(after_effect=True), 0.1))


def draws(chaos: Chaos, texts: list[str]) -> list[str | None]:
    return [action.name if (action := chaos.take(CREATE, text)) else None for text in texts]


def test_shares_are_about_the_probabilities() -> None:
    drawn = draws(Chaos(RULES, seed=1), [f"message {number}" for number in range(5000)])

    assert 900 < drawn.count("answer_500") < 1100
    assert 400 < drawn.count("drop_after_effect") < 600


def test_same_seed_and_content_draw_the_same_in_any_order() -> None:
    texts = [f"message {number}" for number in range(200)]

    forward = draws(Chaos(RULES, seed=7), texts)
    backward = draws(Chaos(RULES, seed=7), texts[::-1])
    other = draws(Chaos(RULES, seed=8), texts)

    assert forward == backward[::-1]
    assert forward != other


def test_repeated_content_is_drawn_anew() -> None:
    drawn = draws(Chaos((ChaosRule(CREATE, answer(500), 0.5),), seed=1), ["same"] * 50)

    assert {None, "answer_500"} == set(drawn)


def test_ids_that_the_stubs_made_do_not_count_as_content() -> None:
    first, second = (
        draws(Chaos(RULES, seed=3), [f"item {number} conv_{digit * 48} SM{digit * 32}" for number in range(50)])
        for digit in "ab"
    )

    assert first == second


def test_other_operations_are_left_alone() -> None:
    chaos = Chaos((ChaosRule(CREATE, answer(500), 1.0),), seed=1)

    assert chaos.take("twilio.messages.list", "x") is None
    assert chaos.take(CREATE, "x") is not None


def test_faults_per_subject_are_limited() -> None:
    chaos = Chaos((ChaosRule("*", answer(500), 1.0),), seed=1, subject_pattern=r"\+44\d{10}", faults_per_subject=2)

    drawn = draws(chaos, ["to +447700900123"] * 4 + ["to +447700900555"])

    assert drawn == ["answer_500", "answer_500", None, None, "answer_500"]
    assert chaos.view()["faults_by_subject"] == {"+447700900123": 2, "+447700900555": 1}


def test_script_has_precedence_over_chaos(world: World) -> None:
    world.app.chaos = Chaos((ChaosRule(CREATE, answer(500), 1.0),), seed=1)
    world.app.actions.add(answer(429), operation=CREATE)

    assert [world.send_whatsapp().status for _ in range(2)] == [429, 500]


@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_impossible_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        ChaosRule(CREATE, answer(500), probability)


def test_odds_above_one_and_a_limit_without_subjects_are_refused() -> None:
    rules = (ChaosRule("twilio.*", answer(500), 0.6), ChaosRule(CREATE, answer(429), 0.6))

    with pytest.raises(ValueError, match=r"add up to 1\.2"):
        Chaos(rules)
    with pytest.raises(ValueError, match="subject_pattern"):
        Chaos((), faults_per_subject=1)
