// Messages between processes by Open MPI, which is looked for when the program runs: nothing here needs it to build or to start.
//
// Open MPI's handles are addresses of symbols of its library, the same in versions 4 and 5 (libmpi.so.40). Calls come from one
// thread at a time. An error of the library ends the process with the library's own message.
#ifndef PIXNERD_MPI_H
#define PIXNERD_MPI_H

#include <stdbool.h>
#include <stddef.h>

typedef enum { pn_mpi_ready, pn_mpi_missing, pn_mpi_unusable } pn_mpi_status;

// Loads the library. `reason` gets why it cannot be had, or its version where it can.
pn_mpi_status pn_mpi_load(char *reason, size_t capacity);

// Joins the processes of the launch, and tells this one's number and how many there are; false where they cannot be joined.
bool pn_mpi_join(int *rank, int *size);

// Leaves them; waits for all.
void pn_mpi_leave(void);

// An operation under way; `pn_mpi_is_done` also moves it on, and frees it when it says so.
typedef void *pn_mpi_operation;
bool pn_mpi_is_done(pn_mpi_operation *operation);

// Part j of `parts`, `count` floats each, goes to process j; part j of `received` comes from it.
pn_mpi_operation pn_mpi_exchange_parts(const float *parts, float *received, int count);

// Part r of `parts`, `count` floats each, is process r's, and comes to all others.
pn_mpi_operation pn_mpi_gather_parts(float *parts, int count);

// The same of bytes, each process's own of which lie in `own`.
pn_mpi_operation pn_mpi_gather_bytes(const void *own, void *all, int count);

// `count` bytes of the process `root` come to all others.
pn_mpi_operation pn_mpi_broadcast(void *bytes, int count, int root);

// `count` bytes to or from one process.
pn_mpi_operation pn_mpi_send(const void *bytes, int count, int target);
pn_mpi_operation pn_mpi_receive(void *bytes, int count, int source);

// How many processors this thread may run on.
int pn_mpi_allowed_processors(void);

// Lets this thread, and those that it starts, run on all processors of the machine.
void pn_mpi_allow_all_processors(void);

#endif
