using RpcNet.Testing.InMemory;

namespace RpcNet.Testing;

public sealed partial class RpcTestCluster
{
    private readonly List<(HashSet<string> One, HashSet<string> Other)> _partitions = [];

    /// <summary>
    /// Ends a node as SIGKILL ends a process: none of its code runs any more, its connections fall silent without a close, nobody
    /// listens at its address. <see cref="StartAsync(string)"/> starts it again.
    /// </summary>
    /// <remarks>What the node's code waits for never completes, not even with an exception; its services are disposed with the cluster.</remarks>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public Task KillAsync(string node)
    {
        var killed = Running(node);
        return _pump.DoAsync(() =>
        {
            killed.Clock!.Stop();
            Network.Halt(killed.Transport!);
            _remains.Add((killed.Forget(), killed.Transport!, killed.Clock));
        });
    }

    /// <summary>Stops a node's time as SIGSTOP does: its timers rest, and what is sent to it waits. The others' time goes on.</summary>
    /// <exception cref="InvalidOperationException">The node does not run, or is paused.</exception>
    public Task PauseAsync(string node)
    {
        var paused = Running(node);
        if (paused.IsPaused)
        {
            throw new InvalidOperationException($"The node '{node}' is paused.");
        }

        return _pump.DoAsync(() =>
        {
            paused.IsPaused = true;
            paused.Clock!.Pause();
            Network.SetReading(paused.Transport!, reading: false);
        });
    }

    /// <summary>Lets a paused node go on: its timers that came due fire late, and it reads what was sent to it.</summary>
    /// <exception cref="InvalidOperationException">The node is not paused.</exception>
    public Task ResumeAsync(string node)
    {
        var resumed = Running(node);
        if (!resumed.IsPaused)
        {
            throw new InvalidOperationException($"The node '{node}' is not paused.");
        }

        return _pump.DoAsync(() =>
        {
            resumed.IsPaused = false;
            resumed.Clock!.Resume();
            Network.SetReading(resumed.Transport!, reading: true);
        });
    }

    /// <summary>Cuts all links between two groups of nodes, in both directions, also for nodes that are started again meanwhile.</summary>
    /// <remarks>What is sent waits for <see cref="HealAsync"/>, or for the connection's idle timeout.</remarks>
    /// <exception cref="ArgumentException">A name is unknown, or in both groups.</exception>
    public Task PartitionAsync(IEnumerable<string> one, IEnumerable<string> other)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(other);
        var groups = (One: one.Select(n => this[n].Name).ToHashSet(), Other: other.Select(n => this[n].Name).ToHashSet());
        if (groups.One.FirstOrDefault(groups.Other.Contains) is { } both)
        {
            throw new ArgumentException($"The node '{both}' is in both groups.", nameof(other));
        }

        return _pump.DoAsync(() =>
        {
            lock (_partitions)
            {
                _partitions.Add(groups);
            }

            foreach (var node in _nodes.Where(n => n.IsRunning && groups.One.Contains(n.Name)))
            {
                Separate(node.Name, node.Transport!);
            }
        });
    }

    /// <summary>Restores all links.</summary>
    public Task HealAsync()
    {
        Join();
        return _pump.DoAsync(() =>
        {
            lock (_partitions)
            {
                _partitions.Clear();
            }

            Network.HealAll();
        });
    }

    /// <summary>Cuts a node off from those that a partition separates it from.</summary>
    private void Separate(string name, InMemoryTransport transport)
    {
        HashSet<string> apart;
        lock (_partitions)
        {
            apart = [.. _partitions.SelectMany(p => p.One.Contains(name) ? p.Other : p.Other.Contains(name) ? p.One : [])];
        }

        foreach (var node in _nodes.Where(n => n.IsRunning && apart.Contains(n.Name)))
        {
            Network.Partition(transport, node.Transport!);
        }
    }
}
