namespace RpcNet.Hosting.Tests.Documentation;

/// <summary>Files of the repository that are generated from the code. RPCNET_UPDATE_FILES=1 writes them anew.</summary>
internal static class GeneratedFiles
{
    public static string Repository { get; } = FindRepository();

    public static void Check(string file, string expected)
    {
        var path = Path.Combine(Repository, file);
        if (Environment.GetEnvironmentVariable("RPCNET_UPDATE_FILES") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, expected);
        }

        Assert.True(File.Exists(path), $"{file} is missing. RPCNET_UPDATE_FILES=1 writes it.");
        Assert.True(expected == File.ReadAllText(path), $"{file} differs from the code. RPCNET_UPDATE_FILES=1 writes it anew; commit it.");
    }

    private static string FindRepository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "RpcNet.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"RpcNet.sln is in no folder above {AppContext.BaseDirectory}.");
    }
}
