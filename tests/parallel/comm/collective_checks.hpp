#pragma once
// What every communicator promises, checked from inside one rank; run over threads and over MPI.

#include "core/comm/communicator.hpp"
#include "parallel/comm/group_communicator.hpp"

namespace accord::parallel {

void check_sums_run_in_rank_order(Communicator& group);
void check_maximum(Communicator& group);
void check_gather_broadcast_and_barrier(Communicator& group);
void check_ring(Communicator& group);
void check_requests_overlap(Communicator& group);
void check_split(GroupCommunicator& group);
void check_one_element_type_is_refused(Communicator& group);

}  // namespace accord::parallel
