// Some tests measure the process's memory: nothing else may run beside them.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
