#pragma once
// What every communicator promises, checked from inside one rank; run over threads, over MPI,
// and between devices. Values lie where the queue computes.

#include "core/comm/communicator.hpp"
#include "parallel/comm/group_communicator.hpp"

namespace accord::parallel {

void check_sums_run_in_rank_order(Queue& queue, Communicator& group);
/// Of communicators that add in an order of their own.
void check_sums_to_rounding(Queue& queue, Communicator& group);
void check_sums_of_bfloat16(Queue& queue, Communicator& group);
void check_maximum(Queue& queue, Communicator& group);
void check_gather_broadcast_and_barrier(Queue& queue, Communicator& group);
void check_ring(Queue& queue, Communicator& group);
void check_requests_overlap(Queue& queue, Communicator& group);
/// Of what lies where the queue computes: several under way, and other calls meanwhile.
void check_started_all_reduces(Queue& queue, Communicator& group);
/// Of host memory: each rank starts when it is ready, and asks whether it is done.
void check_all_reduces_started_apart(Queue& queue, Communicator& group);
void check_split(Queue& queue, GroupCommunicator& group);
void check_one_element_type_is_refused(Queue& queue, Communicator& group);

}  // namespace accord::parallel
