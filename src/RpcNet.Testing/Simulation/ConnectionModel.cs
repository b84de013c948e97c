using System.Net;
using RpcNet.Cluster;

namespace RpcNet.Testing.Simulation;

/// <summary>How many connections a driver would open for what a node sends: on demand, closed when idle or when there are too many.</summary>
internal sealed class ConnectionModel(ClusterConnectionOptions options)
{
    private readonly Dictionary<IPEndPoint, TimeSpan> _lastUsed = [];
    private TimeSpan _nextLook;

    /// <summary>Connections opened so far.</summary>
    public long Opened { get; private set; }

    /// <summary>Connections open now.</summary>
    public int Open => _lastUsed.Count;

    public void Use(IPEndPoint to, TimeSpan now)
    {
        if (now >= _nextLook)
        {
            _nextLook = now + TimeSpan.FromSeconds(1);
            foreach (var (address, last) in _lastUsed)
            {
                if (now - last > options.IdleClose)
                {
                    _lastUsed.Remove(address);
                }
            }
        }

        if (!_lastUsed.ContainsKey(to))
        {
            Opened++;
            if (_lastUsed.Count >= options.MaxConnections)
            {
                _lastUsed.Remove(_lastUsed.MinBy(static c => c.Value).Key);
            }
        }

        _lastUsed[to] = now;
    }
}
