// Messages between processes by Open MPI, which is loaded when the program runs: it is not needed to build or to start.
//
// Open MPI's predefined handles are addresses of symbols of its library, the same in versions 4 and 5 (libmpi.so.40).
// Only one thread may call at a time. An error of the library ends the process with the library's own message.
#ifndef PIXNERD_MPI_H
#define PIXNERD_MPI_H

#include <stdbool.h>
#include <stddef.h>

typedef enum { pn_mpi_ready, pn_mpi_missing, pn_mpi_unusable } pn_mpi_status;

// Loads the library. `reason` receives its version, or why it is missing or unusable.
pn_mpi_status pn_mpi_load(char *reason, size_t capacity);

// Initialises MPI and gives the rank of this process and the number of processes; false if that fails.
bool pn_mpi_join(int *rank, int *size);

// Finalises MPI; waits for all processes.
void pn_mpi_leave(void);

// An operation in progress. `pn_mpi_is_done` also makes it progress, and frees it when it returns true.
typedef void *pn_mpi_operation;
bool pn_mpi_is_done(pn_mpi_operation *operation);

// Sends part j of `parts`, `count` floats each, to process j, and receives part j of `received` from it.
pn_mpi_operation pn_mpi_exchange_parts(const float *parts, float *received, int count);

// Sends part r of `parts`, `count` floats each, from process r to all others.
pn_mpi_operation pn_mpi_gather_parts(float *parts, int count);

// Gathers `count` bytes at `own` from every process r as part r of `all`, in every process.
pn_mpi_operation pn_mpi_gather_bytes(const void *own, void *all, int count);

// Sends `count` bytes from process `root` to all others.
pn_mpi_operation pn_mpi_broadcast(void *bytes, int count, int root);

// Sends `count` bytes to process `target`.
pn_mpi_operation pn_mpi_send(const void *bytes, int count, int target);
// Receives `count` bytes from process `source`.
pn_mpi_operation pn_mpi_receive(void *bytes, int count, int source);

// How many processors this thread may run on; 1 if that is unknown.
int pn_mpi_allowed_processors(void);

// Lets this thread, and threads that it starts, run on all processors of the machine; false if the system refuses.
bool pn_mpi_allow_all_processors(void);

#endif
