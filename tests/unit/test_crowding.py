"""When a request waits outside, since the processors are taken."""

from __future__ import annotations

import os
import time

import pytest

from cgicompat.config import cores
from cgicompat.pool.board import IDLE, Board
from cgicompat.pool.crowding import JUST_BEGUN, crowded


@pytest.fixture
def board(tmp_path):
    fd = os.open(tmp_path / "board", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, Board.SIZE)
    board = Board(fd)
    os.close(fd)
    for _ in range(300):
        board.note(computed=True)
    for slot in range(cores() + 2):
        board.start(slot, 1000 + slot)
        board.set_state(slot, IDLE)
    return board


def begin(board: Board, requests: int, ago: float = 0.0) -> None:
    now = time.monotonic()
    for slot in range(requests):
        board.busy(slot, now - ago, now + 60, "x")


def test_a_request_for_each_processor_is_enough(board):
    begin(board, cores() - 1)
    assert not crowded(board)
    begin(board, cores())
    assert crowded(board)


def test_those_that_take_long_do_not_count(board):
    begin(board, cores(), ago=2 * JUST_BEGUN)
    assert not crowded(board)


def test_where_requests_wait_themselves_there_is_no_limit(board):
    begin(board, cores() + 1)
    board.note(computed=False)
    assert not crowded(board)
    for _ in range(10):
        board.note(computed=True)
    assert not crowded(board)


def test_the_board_keeps_apart_what_is_on_it(board):
    begin(board, cores())
    board.hungry = True
    assert (board.hungry, board.attentive) == (True, False)
    board.hungry, board.attentive = False, True
    assert (board.hungry, board.attentive) == (False, True)
    assert board.computing == 255
    assert board.label(0) == "x"
