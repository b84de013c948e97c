using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Editing;
using Microsoft.CodeAnalysis.Simplification;

namespace RpcNet.Generators.CodeFixes;

/// <summary>RPCNET001: adds <c>CancellationToken cancellationToken = default</c>.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class CancellationTokenFix : NodeFix<MethodDeclarationSyntax>
{
    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds => ["RPCNET001"];

    // Nothing can follow a params parameter.
    private protected override Change? Find(Place place, MethodDeclarationSyntax node) =>
        node.ParameterList.Parameters.Any(p => p.Modifiers.Any(SyntaxKind.ParamsKeyword))
            ? null
            : new("Add a CancellationToken parameter", token => AddAsync(place.Document, node, token));

    private static async Task<Document> AddAsync(
        Document document, MethodDeclarationSyntax method, CancellationToken cancellationToken)
    {
        var editor = await DocumentEditor.CreateAsync(document, cancellationToken).ConfigureAwait(false);
        var type = editor.SemanticModel.Compilation.GetTypeByMetadataName("System.Threading.CancellationToken");
        if (type is not null)
        {
            var generator = editor.Generator;
            editor.AddParameter(method, generator.ParameterDeclaration(
                "cancellationToken",
                generator.TypeExpression(type, addImport: true).WithAdditionalAnnotations(Simplifier.AddImportsAnnotation),
                SyntaxFactory.LiteralExpression(SyntaxKind.DefaultLiteralExpression)));
        }

        return await ImportAdder.AddImportsAsync(
            editor.GetChangedDocument(), Simplifier.AddImportsAnnotation, cancellationToken: cancellationToken)
            .ConfigureAwait(false);
    }
}
