using RpcNet.LoadTest.Measuring;
using RpcNet.LoadTest.Systems;

namespace RpcNet.LoadTest.Children;

/// <summary>The main loop of a server's process.</summary>
internal static class ServerProcess
{
    public static async Task<int> RunAsync(LoadSystem system)
    {
        using var identity = LoadCertificate.Create();
        await using var server = system.CreateServer();
        var port = await server.StartAsync(identity);
        LineProtocol.Send(LineProtocol.Ready, new ServerAddress(port, Convert.ToBase64String(identity.RawData)));

        // A thread of its own answers at once, however busy the thread pool is.
        var commands = new Thread(Answer) { IsBackground = true };
        commands.Start();
        await Task.Run(commands.Join);
        return 0;
    }

    private static void Answer()
    {
        while (Console.In.ReadLine() is { } line)
        {
            switch (LineProtocol.Split(line).Word)
            {
                case LineProtocol.Meter:
                    LineProtocol.Send(LineProtocol.Meter, ProcessReading.Take());
                    break;
                case LineProtocol.Collect:
                    LineProtocol.Send(LineProtocol.Collect, ProcessReading.TakeCollected());
                    break;
            }
        }
    }
}
