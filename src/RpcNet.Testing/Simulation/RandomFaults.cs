namespace RpcNet.Testing.Simulation;

/// <summary>Strikes a simulation at random, tick by tick.</summary>
internal sealed class RandomFaults(ClusterSimulation simulation, Random random)
{
    private int _tagVersion;

    /// <summary>Mostly does nothing; about every two seconds something breaks or is mended.</summary>
    public void Strike()
    {
        if (random.Next(80) != 0)
        {
            return;
        }

        var node = simulation.Nodes[random.Next(simulation.Nodes.Count)];
        switch (random.Next(14))
        {
            case 0 when node.IsRunning:
                simulation.Crash(node);
                break;
            case 1 or 2 when !node.IsRunning:
                simulation.Restart(node);
                break;
            case 3 when node.IsRunning:
                simulation.Crash(node);
                simulation.Restart(node);
                break;
            case 4 when node.IsRunning:
                simulation.Pause(node, TimeSpan.FromSeconds(20 * random.NextDouble()));
                break;
            case 5 when node.IsRunning:
                node.Slowness = TimeSpan.FromMilliseconds(random.Next(0, 400));
                break;
            case 6:
                node.EgressLoss = random.NextDouble();
                break;
            case 7:
                node.IngressLoss = random.NextDouble();
                break;
            case 8:
                node.Group = random.Next(3);
                break;
            case 9:
                simulation.Cut(node, simulation.Nodes[random.Next(simulation.Nodes.Count)]);
                break;
            case 10:
                simulation.Heal();
                break;
            case 11 when node.IsRunning:
                node.SetTags(new Dictionary<string, string> { ["version"] = $"{++_tagVersion}" });
                break;
            case 12 when node.IsRunning && random.Next(4) == 0:
                simulation.Leave(node);
                break;
            case 13:
                node.EgressLoss = node.IngressLoss = 0;
                break;
        }
    }

    /// <summary>
    /// Mends everything. Who is dead stays dead, except for the seeds, also those about to leave: without them two nodes that never met
    /// cannot find each other.
    /// </summary>
    public void CalmDown()
    {
        foreach (var seed in simulation.Nodes.Take(simulation.Options.Seeds))
        {
            if (seed.IsRunning && seed.Machine.IsLeaving)
            {
                simulation.Crash(seed);
            }

            if (!seed.IsRunning)
            {
                simulation.Restart(seed);
            }
        }

        simulation.Heal();
        simulation.Network.Loss = 0;
        simulation.Network.Duplication = 0;
        foreach (var node in simulation.Nodes)
        {
            node.EgressLoss = 0;
            node.IngressLoss = 0;
            node.Slowness = TimeSpan.Zero;
        }
    }
}
