using RpcNet.LoadTest.Coordination;
using RpcNet.LoadTest.Systems;

namespace RpcNet.LoadTest.Children;

/// <summary>The main loop of a client's process.</summary>
internal static class ClientProcess
{
    private const int ParallelConnects = 16;

    public static async Task<int> RunAsync(LoadSystem system, ServerAddress address)
    {
        await using var client = system.CreateClient(address);
        await client.ConnectAsync();
        LineProtocol.Send(LineProtocol.Ready, system.Id);

        // Windows are timed on a thread of their own: timers of a saturated thread pool come late.
        var commands = new Thread(() => Answer(client)) { IsBackground = true };
        commands.Start();
        await Task.Run(commands.Join);
        return 0;
    }

    /// <summary>Runs one window and prints its result, for use by hand and under a profiler.</summary>
    public static async Task<int> RunOnceAsync(LoadSystem system, ServerAddress address, WorkOrder order)
    {
        await using var client = system.CreateClient(address);
        await client.ConnectAsync();
        var result = await Task.Run(() => Window.Run(client, order, static _ => { }));
        LineProtocol.Send(LineProtocol.End, result);
        return result.Errors == 0 ? 0 : 1;
    }

    private static void Answer(LoadClient client)
    {
        List<IAsyncDisposable> held = [];
        while (Console.In.ReadLine() is { } line)
        {
            var (word, json) = LineProtocol.Split(line);
            try
            {
                switch (word)
                {
                    case LineProtocol.Run:
                        var result = Window.Run(
                            client, LineProtocol.Parse<WorkOrder>(json), static boundary => LineProtocol.Send(boundary, true));
                        LineProtocol.Send(LineProtocol.End, result);
                        break;
                    case LineProtocol.Hold:
                        held.AddRange(OpenAsync(client, LineProtocol.Parse<int>(json)).GetAwaiter().GetResult());
                        LineProtocol.Send(LineProtocol.Hold, held.Count);
                        break;
                    case LineProtocol.Release:
                        CloseAsync(held).GetAwaiter().GetResult();
                        held.Clear();
                        LineProtocol.Send(LineProtocol.Release, true);
                        break;
                }
            }
            catch (Exception e)
            {
                LineProtocol.Send(LineProtocol.Failed, $"{e.GetType().Name}: {e.Message}");
            }
        }
    }

    private static async Task<IReadOnlyList<IAsyncDisposable>> OpenAsync(LoadClient client, int count)
    {
        var opened = new IAsyncDisposable[count];
        await Parallel.ForAsync(
            0,
            count,
            new ParallelOptions { MaxDegreeOfParallelism = ParallelConnects },
            async (i, _) => opened[i] = await client.OpenAnotherAsync(new byte[100]));
        return opened;
    }

    private static Task CloseAsync(List<IAsyncDisposable> held) => Parallel.ForEachAsync(
        held, new ParallelOptions { MaxDegreeOfParallelism = ParallelConnects }, static async (connection, _) => await connection.DisposeAsync());
}
