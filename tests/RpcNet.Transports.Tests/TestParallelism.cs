using Xunit.Sdk;
using Xunit.v3;

// Some tests measure the process's memory: nothing else may run beside them.
[assembly: Parallelization(Mode = ParallelMode.None)]
