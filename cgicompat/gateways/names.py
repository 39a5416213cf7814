"""What the name service says of clients, asked for by threads and kept for a while.

A look-up blocks, for as long as the resolver likes. So no request waits for one longer than PATIENCE, and in
an event loop nothing does: there an answer that depends on an unknown name raises Unknown, and is made anew
when the name is known.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from cgicompat.apache.names import PATIENCE

if TYPE_CHECKING:
    from cgicompat.apache.names import Question

_KEPT = 60.0  # seconds for which an answer holds
_MOST_KEPT = 1000
_MOST_ASKED = 50  # look-ups at a time


class Unknown(Exception):
    """The answer to `question` is to be waited for."""

    def __init__(self, question: Question) -> None:
        self.question = question


class Names:
    """The answers to questions."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = {}
        self._asked: dict[tuple[str, str], Future[tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def known(self, question: Question) -> tuple[str, ...]:
        """The answer, if it is known. Raises Unknown."""
        until, answer = self._kept.get(question.key, (0.0, ()))
        if until < time.monotonic():
            raise Unknown(question)
        return answer

    def waited_for(self, question: Question) -> tuple[str, ...]:
        """The answer. Blocks until it is known."""
        try:
            return self.known(question)
        except Unknown:
            pass
        try:
            return self.ask(question).result(PATIENCE)
        except TimeoutError:
            self.give_up(question)
            return ()

    def ask(self, question: Question) -> Future[tuple[str, ...]]:
        """The answer, when it is known."""
        with self._lock:
            done = self._asked.get(question.key)
            if done:
                return done
            done = Future()
            if len(self._asked) < _MOST_ASKED and self._start(question, done):
                self._asked[question.key] = done
            else:
                self._keep(question, (), PATIENCE)
                done.set_result(())
        return done

    def _start(self, question: Question, done: Future[tuple[str, ...]]) -> bool:
        try:
            threading.Thread(target=self._look_up, args=(question, done), daemon=True).start()
        except RuntimeError:  # no more threads
            return False
        return True

    def give_up(self, question: Question) -> None:
        """What is not known by now is a no, until it is."""
        with self._lock:
            if question.key in self._asked:
                self._keep(question, (), PATIENCE)

    def _look_up(self, question: Question, done: Future[tuple[str, ...]]) -> None:
        answer = question.ask()
        with self._lock:
            self._keep(question, answer, _KEPT)
            del self._asked[question.key]
        done.set_result(answer)

    def _keep(self, question: Question, answer: tuple[str, ...], seconds: float) -> None:
        self._kept.pop(question.key, None)
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[question.key] = time.monotonic() + seconds, answer
