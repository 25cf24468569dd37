"""Answer events with asyncio, two at a time, and say every second how far it is.

The engine's port is in EVENT_ENGINE_ENDPOINT. The workers share one client: while one waits until
its answer is accepted, the other takes the next event.
"""

import asyncio

from event_engine import aio

answered = 0


async def work(client: aio.Client) -> None:
    """Answer events until the application stops."""
    global answered
    async for event in client:
        await client.publish(b"up:" + event[len(b"down:") :])
        answered += 1


async def watch() -> None:
    """Say every second how many answers were accepted."""
    while True:
        await asyncio.sleep(1)
        print(f"{answered} answered so far", flush=True)


async def main() -> None:
    """Run the workers beside the watch."""
    async with await aio.connect() as client:
        watching = asyncio.create_task(watch())
        await asyncio.gather(work(client), work(client))
        watching.cancel()
    print(f"{answered} answered")


asyncio.run(main())
