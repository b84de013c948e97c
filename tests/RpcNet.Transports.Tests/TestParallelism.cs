// Some tests measure the process's memory: nothing else may run beside them.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
