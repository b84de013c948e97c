namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// Halts the I/O threads when the process exits: the native libraries free their globals then, and a thread that is still
/// encrypting would crash the exit.
/// </summary>
internal static class ProcessExit
{
    private static readonly Lock s_gate = new();
    private static readonly HashSet<EndpointLoop> s_loops = [];
    private static bool s_hooked;

    public static void Add(EndpointLoop loop)
    {
        lock (s_gate)
        {
            s_loops.Add(loop);
            if (!s_hooked)
            {
                s_hooked = true;
                AppDomain.CurrentDomain.ProcessExit += (_, _) => ParkAll();
            }
        }
    }

    public static void Remove(EndpointLoop loop)
    {
        lock (s_gate)
        {
            s_loops.Remove(loop);
        }
    }

    private static void ParkAll()
    {
        EndpointLoop[] loops;
        lock (s_gate)
        {
            loops = [.. s_loops];
        }

        foreach (var loop in loops)
        {
            loop.Park();
        }
    }
}
