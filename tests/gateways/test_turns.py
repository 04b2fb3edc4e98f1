"""Work of one lane in its order, work of different lanes beside each other."""

import asyncio

from cloudwindow.turns import Turns


async def test_one_lane_keeps_its_order_while_another_goes_on() -> None:
    done: list[str] = []
    may_go_on = asyncio.Event()

    async def slow() -> None:
        await may_go_on.wait()
        done.append("slow")

    async def told(what: str) -> None:
        done.append(what)
        if what == "other":
            may_go_on.set()

    async with asyncio.TaskGroup() as group:
        turns = Turns(group)
        await turns.take("one", slow)
        await turns.take("one", lambda: told("after slow"))
        await turns.take("two", lambda: told("other"))
    assert done == ["other", "slow", "after slow"]


async def test_no_more_is_taken_than_there_is_room_for() -> None:
    may_go_on = asyncio.Event()

    async def wait() -> None:
        await may_go_on.wait()

    async with asyncio.TaskGroup() as group:
        turns = Turns(group, together=2)
        await turns.take("one", wait)
        await turns.take("two", wait)
        third = group.create_task(turns.take("three", wait))
        await asyncio.sleep(0)
        assert not third.done()
        may_go_on.set()
    assert third.done()


async def test_a_lane_that_emptied_begins_anew() -> None:
    done: list[int] = []

    async def note() -> None:
        done.append(len(done))

    async with asyncio.TaskGroup() as group:
        turns = Turns(group, together=1)
        for _ in range(3):
            await turns.take("one", note)
            await asyncio.sleep(0)
    assert done == [0, 1, 2]
