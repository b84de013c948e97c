namespace RpcNet.LoadTest.Measuring;

/// <summary>What one process has used up to now.</summary>
/// <param name="CpuSeconds">User and kernel time.</param>
/// <param name="AllocatedBytes">Managed bytes allocated since its start.</param>
/// <param name="WorkingSetBytes">Resident memory.</param>
/// <param name="HeapBytes">Managed bytes in use.</param>
internal sealed record ProcessReading(double CpuSeconds, long AllocatedBytes, long WorkingSetBytes, long HeapBytes)
{
    public static ProcessReading Take() => new(
        Environment.CpuUsage.TotalTime.TotalSeconds, GC.GetTotalAllocatedBytes(), Environment.WorkingSet, GC.GetTotalMemory(false));

    /// <summary>As <see cref="Take"/>, after garbage is gone and freed memory is given back to the system.</summary>
    public static ProcessReading TakeCollected()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return Take();
    }
}
