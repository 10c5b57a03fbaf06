"""One session: what the client sends is read, bounded and handed to its conversation, until one of many ends (2.6)."""

import asyncio
import time
from asyncio import Future, Task
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Protocol

from msgspec import Struct

from accounts.errors import AccountError
from agents.voice.turns import Ask, Client, TurnRefused, Turns
from metering.middleware import Receive
from router.auth import Principal
from router.errors import Refused, fault_of
from router.realtime import frames
from router.realtime.client import SocketClient
from router.realtime.entrance import Anonymous, Caller
from router.realtime.limits import Bucket, Pace
from storage.errors import StorageError
