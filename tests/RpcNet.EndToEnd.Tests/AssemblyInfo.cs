using Xunit.Sdk;
using Xunit.v3;

// Each test starts processes of its own, which would take the time that another's failure detectors count on.
[assembly: Parallelization(Mode = ParallelMode.None)]
