using System.Net;
using RpcNet.Cluster;
using RpcNet.Cluster.Membership;

namespace RpcNet.Testing.Simulation;

/// <summary>
/// How many connections a driver would open for what a node sends: on demand, unless the receiver has opened one; closed when idle
/// or when there are too many.
/// </summary>
internal sealed class ConnectionModel(ClusterConnectionOptions options, int members)
{
    private readonly Dictionary<IPEndPoint, TimeSpan> _lastUsed = [];
    private readonly TimeSpan _idleClose = GossipConnections.IdleCloseAmong(members, options);
    private TimeSpan _nextLook;

    /// <summary>Connections opened so far.</summary>
    public long Opened { get; private set; }

    /// <summary>Connections open now.</summary>
    public int Open => _lastUsed.Count;

    /// <summary>A message is sent.</summary>
    /// <param name="to">Its receiver.</param>
    /// <param name="from">Its sender.</param>
    /// <param name="receiver">The receiver's connections.</param>
    /// <param name="now">The present time.</param>
    public void Use(IPEndPoint to, IPEndPoint from, ConnectionModel? receiver, TimeSpan now)
    {
        if (receiver?.Touch(from, now) == true)
        {
            return;
        }

        if (now >= _nextLook)
        {
            _nextLook = now + TimeSpan.FromSeconds(1);
            foreach (var (address, last) in _lastUsed)
            {
                if (now - last > _idleClose)
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

    private bool Touch(IPEndPoint peer, TimeSpan now)
    {
        if (!_lastUsed.TryGetValue(peer, out var last) || now - last > _idleClose)
        {
            return false;
        }

        _lastUsed[peer] = now;
        return true;
    }
}
