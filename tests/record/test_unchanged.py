"""Nobody sees a difference: the cases of the contract that a process in between could break."""

# ruff: noqa: F401

from __future__ import annotations

from tests.contract.test_ending import (
    test_point_20_another_program_goes_on_with_the_response,
    test_point_20_death_after_output,
    test_point_20_death_before_any_output,
    test_point_22_exception_after_the_body_has_begun,
)
from tests.contract.test_isolation import (
    test_point_15_child_that_outlives_the_request,
    test_point_15_forked_child,
)
from tests.contract.test_life import (
    test_point_45_client_gone_while_the_script_is_silent,
    test_point_45_client_gone_while_the_script_writes,
    test_point_45_nothing_outlives_the_limit,
    test_point_45_time_limit,
)
from tests.contract.test_streams import (
    test_point_24_every_way_to_write_in_order,
    test_point_25_bytes_are_exact,
    test_point_26_body_ends_at_content_length,
    test_point_26_get_has_no_body,
    test_point_27_large_body_is_echoed,
    test_point_27_output_before_the_body_is_read,
    test_point_28_much_stderr,
    test_point_29_closing_fd_1_ends_the_response,
    test_point_29_closing_sys_stdout_ends_the_response,
    test_point_29_flushed_output_arrives_at_once,
    test_point_30_background_child_does_not_hold_up_the_response,
)
