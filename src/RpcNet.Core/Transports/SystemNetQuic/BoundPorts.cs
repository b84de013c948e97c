namespace RpcNet.Transports.SystemNetQuic;

/// <summary>
/// The UDP ports that msquic holds for listeners of this process: each from the listener's start until the listener and its
/// last connection are disposed. Any thread.
/// </summary>
internal sealed class BoundPorts
{
    private readonly Lock _gate = new();
    private readonly Dictionary<int, int> _users = [];

    /// <summary>Those of the process.</summary>
    public static BoundPorts Shared { get; } = new();

    /// <summary>Ports held.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _users.Count;
            }
        }
    }

    public bool Holds(int port)
    {
        lock (_gate)
        {
            return _users.ContainsKey(port);
        }
    }

    /// <summary>Counts one more user of a port, until the lease is disposed.</summary>
    public Lease Take(int port)
    {
        lock (_gate)
        {
            _users[port] = _users.GetValueOrDefault(port) + 1;
        }

        return new Lease(this, port);
    }

    private void Release(int port)
    {
        lock (_gate)
        {
            if (--_users[port] == 0)
            {
                _users.Remove(port);
            }
        }
    }

    /// <summary>One use of a port. Disposing it twice counts once.</summary>
    internal sealed class Lease(BoundPorts ports, int port) : IDisposable
    {
        private int _disposed;

        /// <summary>One more use of the same port. To be asked of a lease that is not disposed.</summary>
        public Lease Again() => ports.Take(port);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                ports.Release(port);
            }
        }
    }
}
